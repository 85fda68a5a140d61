"""The words that most passwords in published breaches are made of, in lower case.

A selection of the frequency lists of zxcvbn (Daniel Lowe Wheeler, "zxcvbn: Low-Budget Password
Strength Estimation", USENIX Security 2016; MIT licence), with such words in other languages.
Passwords without a letter need no list: ``credentials`` refuses them all.
"""

COMMON_PASSWORDS = frozenset(
    # A literal of two thousand strings would be one line each.
    """
1232323q 1234567890a 1234567890q 123456789a 123456789q 123456789s 123456789z 12345678a 12345678q
1234567a 1234567q 123456aa 123456qw 123456qwe 123456qwerty 123456ru 12345qwe 12345qwert 1234abcd
1234asdf 1234qwer 123qq123 123qwe123 123qweasd 123qweasdzxc 123qwerty 12qw12qw 12qw34er 12qwaszx
1a2b3c4d 1a2s3d4f 1passwor 1q2w3e4r 1q2w3e4r5 1q2w3e4r5t 1q2w3e4r5t6y 1qa2ws3ed 1qaz2wsx
1qaz2wsx3edc 1qazxsw2 1x2zkg8w 1z2x3c4v 45m2do5bs 7ugd5hip2j 8j4ye3uz 9293709b13 a1234567
a12345678 a123456789 a1b2c3d4 a1s2d3f4 aa123456 aardvark abc12345 abcd1234 aberdeen abnormal
abrakadabra access access14 accord achilles action adgjmptw adidas admin administrator agent007
airborne airforce airplane alabama alaska albatros alejandr aleksandr aleksandra alessandro
alexande alexandr alexandre alexis alpha alphabet alpine amateur amateurs america america1
amsterda amsterdam anaconda anakin anastasi anastasiya andrei andrey andromed andromeda andyod22
angel angel123 angels anhyeuem animal antelope anthony1 apache apollo apollo13 apple apple123
applepie apples aquarius aragorn argentin arizona armagedon armstron arsenal arsenal1 asdasd asdf
asdf1234 asdfasdf asdfg asdfgh asdfgh01 asdfghj asdfghjk asdfghjkl asdfzxcv asdqwe123 askfirst
aspirine assassin assman atlanta atlantis austin australi autumn avalanch avalon avatar awesome
azerty azertyuiop azsxdcfv babe babes babyblue babydoll babyface babygirl babylon babylon5
babylove backdoor badboy badger baller balloons balls bambam banana bandit barbados barbie
barcelon barcelona barefoot baritone barney barselona baseball baseball1 basket basketba bassman
batman bcfields beagle bear bearcats beatles beautifu beauty beaver beavis beefcake beer beetle
bergkamp berlin bigballs bigblock bigbooty bigboy bigdaddy bigdog bigfoot bigmac bigman bigmoney
bigone bigpoppa bigred billybob billyboy binladen birdie bismillah biteme blabla blackbir blackcat
blackdog blackhaw blackie blackjac blackjack blackout blahblah blaster blazer blessed blessing
blink182 blizzard blonde blondie blowfish blowme blue blueball bluebell bluebird blueeyes bluefish
bluemoon bluesky bluesman bobafett bobcat bobdylan bollocks bomber bonehead booger boogie bookworm
boomboom boomer booty borabora borussia boston bowling brandon1 brandy braves brazil brighton
britney bronco broncos broncos1 brooklyn browns brucelee bruins brutus bubba bubba123 bubble
bubbles buckeye buckeyes buckshot budapest buddha buddy buddy123 buddyboy budlight budweise
budweiser buffalo buffalo1 bulldog bulldog1 bulldogs bullet bullfrog bullseye bunghole bunny
burger buster cactus cadillac caesar caliente californ caligula calimero callisto camaro camaross
cambiami cameltoe cameron cameron1 canada cancer candyman cannabis capetown capricor capricorn
capslock captain captain1 cardinal carlitos carnival carolina carpedie carpente cartman cartman1
casanova caserta casino casper cassandr cassie catdog catfish catherin catwoman cavalier cbr900rr
cdtnkfyf celtic cerberus cessna cfitymrf chainsaw challeng champion changeme charger chargers
charles1 charlie charlie1 charlott charlton checkers cheese chelsea chelsea1 cherokee cherries
cherry cheshire chester chester1 chevelle chevrole chevrolet chevy cheyenne chicago chicago1
chichi chicken chicken1 chickens chicks chiefs chipmunk chipper chocolat choochoo chopper chris123
chrisbln chrissy christ christia christin christma christop chronic chrysler chuckles cinnamon
cjkysirj clarinet classic classics claymore cleopatr clevelan clippers cnfybckfd cobra cocacola
coffee coldbeer coldplay colombia colorado colors coltrane comanche commando compaq computer
concorde concrete connect connor consumer contrasena cookie cookies cooldude coolness copper
corleone corona corvette cosworth cougar coventry cowboy cowboys cowboys1 coyote crazybab creampie
creative cricket cricket1 crjhgbjy crusader crystal1 cthutq cutiepie cygnusx1 dakota dallas dancer
danger dannyboy darkangel darklord darkness darkside darkstar david123 dbrnjhbz deadhead deadpool
death666 deepthroat deeznuts deeznutz defender deftones delta derparol designer desire destiny
detroit devil666 devildog devils dexter dfktynby dfktynbyf dfvgbh diablo diamond diamond1 diamonds
diesel dietcoke digger digital digital1 dilbert dilligaf dingdong dinosaur dirtbike discover
disney dkflbckfd dkflbvbh doberman doctor dodger dodgeram dodgers dodgers1 doggie doggy doghouse
dogpound dollar dolphin dolphin1 dolphins dominion domino donkey dontknow doomsday doughboy dragon
dragon12 dragonba dragonball dragons dreamer dreams driver drowssap drpepper drummer drummer1
dthjybrf ducati dutchess dynamite eagle eagles earnhard eastside eastwood eatme eclipse eclipse1
eggplant einstein ekaterina elcamino eldorado electric electron element elephant elizabet
elizaveta emerald eminem empire enforcer engineer enigma enter enterpri enterprise ericsson escort
eternity evangelion everlast everton excalibu excalibur exigen explorer express extreme f00tball
fairlane falcon fandango fantasia fantasy fantomas farscape fastball fatboy fatcat fearless fender
ferrari ferrari1 fgtkmcby ficken finger fire fireball firebird firefigh fireman firewall fish
fishbone fishhead fishing fishing1 fktrcfylh fktrcfylhf fktrctq flamingo flash flatron flexible
flipper florida florida1 flounder flower fluffy flyers foobar football football1 fordf150 forest
forever forever1 formula1 forsaken foxylady francesc francisc freaky freckles freddy freebird
freedom freedom1 freefall freeuser friday froggy front242 frontier fullmoon fussball fyfcnfcbz
fyfnjkbq fylhtq fyutkbyf gabriel1 gabriell galaxy galina galore gambit gamecube gameover gandalf
gandalf1 gangster garden garfield gargoyle gateway gateway1 gatorade gators gbhfvblf geheim gemini
genesis genesis1 genius geronimo gesperrt getmoney gfhjkm gfhjkm123 gfhjkmgfhjkm ghbdtn ghbdtn123
ghbdtnbr ghblehjr ghbywtccf ghjcnjgfhjkm ghjcnjnfr ghjuhfvvf ghostrider giants ginger girls gizmo
gladiato gladiator gn56gn56 goblue godfathe godfather godsmack godzilla goforit golden goldfing
goldfish goldstar goldwing golf golfball golfer goober good123654 goodgirl goodluck goodtime
google gordon24 gotohell greatone green123 greenbay greenday gtnhjdbx guardian guest guinness
guitar gundam gunner hacker halflife hallo123 hamlet hammer hamster handball handyman hannah
hannibal hansolo happy123 happyday hardcore hardon hardrock harley harrypotter hawaii hawaii50
hawaiian hawkeye hawkeyes hayabusa heather1 heaven hedgehog heineken hellfire hello hello123
hellyeah helpdesk helpme hendrix herbst hercules hesoyam hetfield highbury highheel highland
highlander hiphop hitman hjvfirf hobbes hobbit hockey holiday hollywoo honda honeybee hongkong
honolulu hooker hooligan hoosiers hooters hornet horney horse horses hotdog hotgirls hotrod
hotstuff hottie hounddog hummer hunter hunting hurrican huskers hyperion ibanez icecream icehouse
iceman idontkno idontknow ihateyou illusion iloveu iloveyou iloveyou1 iloveyou2 immortal impala
indiana indians indigo inferno infiniti infinity insane insomnia inspiron integra internet
intrepid intruder inuyasha irina irishman ironman islander istanbul italia iverson3 iwantu
jackass1 jackson1 jackson5 jaguar jamaica james007 james123 jamesbon jamesbond jasmine jasmine1
jasper jayhawks jefferso jellybea jessica1 jester jiggaman johannes johncena johndeer johngalt
johnson1 joker jordan jordan23 josephin juice jumper jungle junior jupiter just4fun justdoit
justice justme juventus kakashka kamikaze kangaroo karate karina karolina katana katarina katerina
kawasaki kazantip kcj9wx5n kennwort kenworth keyboard keystone killbill killer killer12 kingfish
kingkong kingston kirill kissme kitten kitty kittycat kittykat kjrjvjnbd klaster kleopatra
knickers knicks knockers knuckles kodiak konstantin kordell1 koroleva krasotka labrador lacrosse
ladybug lakers lakeside lalakers lancelot lancer larisa lasvegas leather leavemealone leedsutd
legend lemonade lennon lestat letmein letmein1 letmein2 liberty lickme lifehack lightnin lightning
lights lineage2 lionking liverpoo liverpool liverpool1 lizard logitech lokomotiv lollipop lollol
lollypop london lonestar lonewolf longdong longhorn longjohn loser love lovelife lovely loveme
lover loverboy lovers loveyou lowrider lucifer lucky luckydog macdaddy machine maddie maddog
madison madison1 madman madmax madness madonna magellan maggie magic magician magicman magnum
maiden mailcreated5240 majestic makaveli maksim maksimka malibu mamapapa manchest manchester
mandarin mandingo mandrake manson manutd maradona marathon marcello margarit marijuana marina
marine mariners marines marines1 marino marino13 mariposa marlboro marley marseill marseille
maryjane masamune master master12 matrix matthew1 matthias maverick maxima maximus maxwell
maxwell1 mazafaka mazda626 mazdarx7 meatball meathead meatloaf mechanic megadeth megatron melissa1
meowmeow mephisto mercedes mercury meridian merlin mersedes metallic metallica mexico michael1
michael2 michigan mickey microlab microphone microsof microsoft midnight millenium millwall
minecraft mischief misfit99 mister mistress mnbvcxz mollydog monalisa monday money money123
moneyman mongoose monitor monkey monkey12 monkeybo monopoly monster monster1 montana montgom240
montreal mookie moonbeam moonligh moonlight moonshin moose morpheus mortgage mortimer motdepasse
mother motherlode motorola mountain mouse mozart mudvayne mulder multiplelo munchkin mushroom
musicman mustang mustang1 mustang6 mustangs mylove mypassword naruto nascar nascar24 nastya natali
natasha naughty nautilus ncc1701a ncc1701d ncc1701e nebraska nemesis netscape nevermind newcastl
newpass6 newport newyork newyork1 nfnmzyf nicola nikita nintendo nirvana nirvana1 nissan nokia6233
nokia6300 nokian73 nolimit noname123 nostromo notebook nugget nuttertools nwo4life nygiants
oblivion obsidian oksana oliver omega onelove online openup operator orange outlaw overkill
overlord p0015123 p@ssw0rd pa55w0rd pa55word packard packers packers1 paintbal paintball pakistan
paladin pallmall palmtree panama panasoni panasonic pandora pantera pantera1 panther panther1
panthers panzer papillon paradigm paradise paramedi pasadena pascal pass1234 passat passion
passport passw0rd passwor passwor1 password password1 password12 password123 password2 passwords
passwort patches patrick1 patriots pavilion peaches peaches1 peanut pearljam pebbles peekaboo
peewee pegasus pencil penguin penguin1 penguins penthous pepper pepsi perfect1 pervert peterpan
phantom pharmacy philippe philips phillies phoenix phoenix1 phpbb pianoman picard pickle pickles
piglet pineappl pineapple pingpong pinkfloy pinkfloyd pioneer pipeline piramida pirate pitbull
pizza planet plastic platinum platypus player playstat playstation playtime plymouth poison poiuyt
poiuytrewq pokemon pokemon1 polaris police polina polniypizdec0211 pontiac poohbear pookie
pool6123 poontang poop poopoo popcorn popeye porkchop porsche porsche1 porsche9 portland portugal
poseidon preacher precious predator prelude presario presiden prince princess pringles private
private1 psycho pufunga7782 pumpkin pumpkin1 pumpkins punisher punkrock purple pussies pyramid
q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 q2w3e4r5 qawsed qawsedrf qazqaz qazwsx qazwsx12 qazwsx123
qazwsxed qazwsxedc qazwsxedc123 qazwsxedcrfv qazxsw qazxswedc qwaszx qwe123qwe qweasd qweasd123
qweasdzxc qweqwe qwer1234 qwerasdf qwert qwert123 qwert12345 qwerty qwerty11 qwerty12 qwerty123
qwerty1234 qwerty12345 qwerty123456 qwertyu qwertyui qwertyuio qwertyuiop qwertz qwertzuiop
r2d2c3po rabbit racecar racing radiohea radiohead ragnarok raider raiders raiders1 rainbow
rainbow1 rainbow6 raistlin rammstein random ranger rangers rangers1 raptor rascal rasputin
rastaman raven razz realmadrid reaper rebecca1 reckless redalert redbaron reddevil reddog reddwarf
redhead redman redneck redrum redskins redsox redwings remingto renegade revolver rfnthbyf
rfvfcenhf rhbcnbyf rhfcjnrf rhjrjlbk rhtdtlrj richard1 rightnow ripper rjhjktdf rjirfrgbde
rjycnfynby roadkill roadking roadrunn roadster robotech robotics rocker rocket rockford rockhard
rocks rockstar rolltide romashka rommel ronaldo rooster rootbeer rosebud rubber rulez runescape
runner rush2112 ruslan russia sabrina1 sailboat sailing sailor saints sakura salamander salasana
samantha samson samsung samsung1 samurai sandiego sandman sandrine sapphire saratoga sasha_007
satan666 saturn sausages scarface scooby scoobydo scoobydoo scooter scooter1 scorpio scorpio1
scorpion scotland scotty scrabble screamer scully seahawks seattle sebastia secret security
seinfeld seminole semperfi senators sentinel septembe serega serenity sergey sersolution shadow
shaggy shamrock shaney14 shannon1 shelby sherlock shooter shorty shotgun showtime sidekick siemens
sierra silver silverad simple simpsons sinister sithlord skater skeeter skipper skippy skittles
skorpion skyline skywalke skywalker slamdunk slapshot slayer slimshady slipknot slippery slowhand
smackdow smashing smeghead smiles smiley smirnoff smitty smoke smokey smooth snake snakes snatch
sneakers snickers sniper snoopdog snoopy snowball snowboar snowboard snowflak snowman snuggles
soccer soccer10 soccer12 socrates softball software sojdlg123aljg soldier solitude sommer
sonyericsson sophie soso123aljg soulmate southpar southpark southpaw spaceman sparky spartak
spartan spartan1 spartans specialk spectrum speedy spencer1 spider spiderma spiderman spike spirit
spitfire splinter spongebo spongebob spooky spring sprinter spunky spyder squirrel srinivas
stalker stallion stanislav star starbuck starcraf starcraft stardust starfire starfish stargate
starligh starship startrek starwars stealth steelers stephani stephen1 sticky stinger stingray
stinky stocking stonecol stonecold stones storm stormy stranger strawber strawberry strike
stripper stupid subaru sublime success success1 sugar summer summer99 sundance sunday sundevil
sunflowe sunflower sunnyday sunset sunshine super super123 superfly superman superman1 supersta
superstar support surfer survivor suzuki svetlana sweetnes sweetness sweetpea sweety swimming
swordfis swordfish sydney sylveste syncmaster syracuse tacobell taekwondo talisman target tarheels
tarzan tattoo taurus tazmania teacher technics techno teddybea teddybear teen teens telephon
tennis terminat terminator terrapin test test1234 tester testing testing1 thailand thanatos
thankyou thedoors thegreat theman theone therock thirteen thisisit threesom thuglife thumper
thunder thunder1 thunderb tiberius tickle tiffany1 tiger tiger123 tigers tigger timber tinker
tinkerbe tinkerbell tintin titanic titanium titans titleist tkbpfdtnf tokiohotel tomahawk tomcat
tommyboy topgun tornado toronto toshiba tottenha tottenham toyota transam translator travel
traveler treasure trfnthbyf triangle trigger trinitro trinity triumph trixie trojan trombone
trooper trouble trouble1 truck trucker trucking trucks truelove trumpet trunks trustno1 tunafish
turbo turkey turkey50 turtle tweety twilight ultimate umbrella underdog undertak undertaker
unicorn universa username vacation valentin valentina valera valhalla valkyrie vampire vanguard
vanhalen vasilisa vegeta vendetta verbatim veronika vfhbyf vfhufhbnf vfitymrf vfrcbv vfrcbvrf
vfvfgfgf vfvjxrf victory viewsoni viewsonic viking vikings vikings1 viktor viktoria viktoriya
vincent1 violetta viper virgin vision vjqgfhjkm vkontakte vladimir vladislav volkswag voodoo
voyager voyager1 vsjasnel12 wachtwoord wanderer warcraft wareagle warhammer warlock warrior
warrior1 warriors washingt waterloo weasel webhompas webmaste webmaster weed welcome welcome1
werewolf westham westside westwood wg8e3wjf whatever whiskers whiskey whistler whiteboy whiteout
whitesox whocares whynot wicked wildbill wildcard wildcat wildcats wildfire wildwood william1
willkommen willow windmill windows windsurf winner winston winston1 winter wishbone wizard
wolfgang wolfpack wolverin wolverine wolves wombat woodland woody woofwoof wp2003wp wrangler
wrestlin wrinkle1 wutang xavier xfiles yamaha yamahar1 yankee yankees yankees1 yankees2 ybrbnf
yeahbaby yellow yfcntymrf yfnfif yjdsqgfhjkm yogibear yomama yosemite ytrewq z1x2c3v4 zachary1
zanzibar zaq12wsx zaq1xsw2 zaqwsx zaqxswcde zeppelin zerocool zildjian zipper zombie zxasqw12
zxcasdqwe zxcasdqwe123 zxcv1234 zxcvbn zxcvbnm zxcvbnm1 zxcvbnm123
    """.split()  # noqa: SIM905
)
